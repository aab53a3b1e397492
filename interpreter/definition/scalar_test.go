package definition

import "testing"

func TestNumber(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"0", "0"}, {"-0", "-0"}, {"+12", "12"}, {"-12", "-12"}, {"1152921504606846976", "1152921504606846976"},
		{"0x1F", "31"}, {"0xffffffffffffffffffff", "1208925819614629174706175"}, {"0o17", "15"},
		{"1.5", "1.5"}, {"1.50", "1.50"}, {".5", "0.5"}, {"-.5", "-0.5"}, {"+.5", "0.5"}, {"1.", "1.0"}, {"-1.", "-1.0"},
		{"1e-7", "1e-7"}, {"1E+5", "1E+5"}, {"1.e5", "1.0e5"}, {".5e1", "0.5e1"}, {"0e5", "0e5"}, {"0.00", "0.00"},
	} {
		if got, isNumber := number(test.text); !isNumber || got != test.want {
			t.Errorf("%s: got %q, %t, want %q", test.text, got, isNumber, test.want)
		}
	}
	for _, text := range []string{
		"", "-", "+", ".", "-.", "e5", ".e5", "1e", "1e+", "1e5.", "--1", "+-1", "1_000", "1,000", "1:30", "02139", "-07", "00", "00.5",
		"0x", "0xg", "-0x1F", "0X1F", "0o", "0o8", "0b11", "1.2.3", "2024-01-01", " 1", "1 ", "١", "Infinity", ".inf",
	} {
		if got, isNumber := number(text); isNumber {
			t.Errorf("%q is read as the number %s", text, got)
		}
	}
}

func TestNumbersThatAreTooLarge(t *testing.T) {
	for text, want := range map[string]bool{
		"1": false, "1e9999": false, "1e-9999": false, "1e10000": true, "1e-10000": true, "1e99999999999999999999": true,
	} {
		if got := tooLarge(text); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}
