package table

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/gleitzeit/gleitzeit/internal/value"
)

// converter returns what makes values of a type as people read them.
func converter(of parquet.Type) func(parquet.Value) (value.Value, error) {
	convert := plainConverter(of.Kind())
	if logical := of.LogicalType(); logical != nil {
		if found := logicalConverter(of.Kind(), logical.Value); found != nil {
			convert = found
		}
	}
	return func(v parquet.Value) (value.Value, error) {
		if v.IsNull() {
			return value.Value{}, nil
		}
		return convert(v)
	}
}

func plainConverter(kind parquet.Kind) func(parquet.Value) (value.Value, error) {
	switch kind {
	case parquet.Boolean:
		return func(v parquet.Value) (value.Value, error) { return value.Bool(v.Boolean()), nil }
	case parquet.Int32:
		return func(v parquet.Value) (value.Value, error) { return value.Int(int64(v.Int32())), nil }
	case parquet.Int64:
		return func(v parquet.Value) (value.Value, error) { return value.Int(v.Int64()), nil }
	case parquet.Int96:
		return func(v parquet.Value) (value.Value, error) { return instantOf96(v.Int96()), nil }
	case parquet.Float:
		return func(v parquet.Value) (value.Value, error) { return float(float64(v.Float()), 32), nil }
	case parquet.Double:
		return func(v parquet.Value) (value.Value, error) { return float(v.Double(), 64), nil }
	}
	return func(v parquet.Value) (value.Value, error) { return bytesOf(v.ByteArray()), nil }
}

// float returns a number with the fewest digits that give it back; null for what JSON does not have.
func float(f float64, bits int) value.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value.Value{}
	}
	form := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		form = 'e'
	}
	number, _ := value.Digits(strconv.FormatFloat(f, form, -1, bits))
	return number
}

// bytesOf returns bytes as text, or what is no text as base64.
func bytesOf(data []byte) value.Value {
	if utf8.Valid(data) {
		return value.String(string(data))
	}
	return value.String(base64.StdEncoding.EncodeToString(data))
}

func textOf(v parquet.Value) (value.Value, error) {
	if !utf8.Valid(v.ByteArray()) {
		return value.Value{}, errors.New("the text is not valid UTF-8")
	}
	return value.String(string(v.ByteArray())), nil
}

// logicalConverter returns what makes values of a logical type; nil for one that adds nothing to its physical type.
func logicalConverter(kind parquet.Kind, of format.LogicalTypeValue) func(parquet.Value) (value.Value, error) {
	isBytes := kind == parquet.ByteArray || kind == parquet.FixedLenByteArray
	isInteger := kind == parquet.Int32 || kind == parquet.Int64
	switch of := of.(type) {
	case *format.StringType, *format.EnumType:
		if isBytes {
			return textOf
		}
	case *format.JsonType:
		if isBytes {
			return jsonOf
		}
	case *format.UUIDType:
		if isBytes {
			return uuidOf
		}
	case *format.Float16Type:
		if isBytes {
			return func(v parquet.Value) (value.Value, error) { return float16(v.ByteArray()), nil }
		}
	case *format.DecimalType:
		if of.Scale < 0 || of.Scale > maxScale {
			return nil
		}
		return func(v parquet.Value) (value.Value, error) { return decimal(unscaled(kind, v), int(of.Scale)), nil }
	case *format.IntType:
		if isInteger && !of.IsSigned {
			return func(v parquet.Value) (value.Value, error) { return unsigned(kind, v), nil }
		}
	case *format.DateType:
		if kind == parquet.Int32 {
			return func(v parquet.Value) (value.Value, error) {
				return value.String(time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly)), nil
			}
		}
	case *format.TimeType:
		if isInteger {
			return func(v parquet.Value) (value.Value, error) {
				return value.String(instant(integer(kind, v), of.Unit).Format("15:04:05" + fraction(of.Unit))), nil
			}
		}
	case *format.TimestampType:
		if kind == parquet.Int64 {
			zone := ""
			if of.IsAdjustedToUTC {
				zone = "Z"
			}
			return func(v parquet.Value) (value.Value, error) {
				return value.String(instant(v.Int64(), of.Unit).Format("2006-01-02T15:04:05"+fraction(of.Unit)) + zone), nil
			}
		}
	case *format.NullType:
		return func(parquet.Value) (value.Value, error) { return value.Value{}, nil }
	}
	return nil
}

func jsonOf(v parquet.Value) (value.Value, error) { return value.Parse(v.ByteArray()) }

func uuidOf(v parquet.Value) (value.Value, error) {
	data := v.ByteArray()
	if len(data) != 16 {
		return bytesOf(data), nil
	}
	text := hex.EncodeToString(data)
	return value.String(strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")), nil
}

func integer(kind parquet.Kind, v parquet.Value) int64 {
	if kind == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func unsigned(kind parquet.Kind, v parquet.Value) value.Value {
	digits := strconv.FormatUint(v.Uint64(), 10)
	if kind == parquet.Int32 {
		digits = strconv.FormatUint(uint64(v.Uint32()), 10)
	}
	number, _ := value.Digits(digits)
	return number
}

// maxScale is the largest scale of a decimal; more is damage.
const maxScale = 1000

// unscaled returns a decimal without its point.
func unscaled(kind parquet.Kind, v parquet.Value) *big.Int {
	if kind == parquet.Int32 || kind == parquet.Int64 {
		return big.NewInt(integer(kind, v))
	}
	data := v.ByteArray() // Two's complement, the highest byte first.
	number := new(big.Int).SetBytes(data)
	if len(data) > 0 && data[0]&0x80 != 0 {
		number.Sub(number, new(big.Int).Lsh(big.NewInt(1), uint(8*len(data))))
	}
	return number
}

// decimal returns a number with so many digits after its point.
func decimal(unscaled *big.Int, scale int) value.Value {
	digits, sign := unscaled.String(), ""
	if unscaled.Sign() < 0 {
		digits, sign = digits[1:], "-"
	}
	if scale > 0 {
		if missing := scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	number, _ := value.Digits(sign + digits)
	return number
}

// instant returns the time so many units after the beginning of 1970.
func instant(units int64, of format.TimeUnit) time.Time {
	switch of.Value.(type) {
	case *format.MilliSeconds:
		return time.UnixMilli(units).UTC()
	case *format.MicroSeconds:
		return time.UnixMicro(units).UTC()
	}
	return time.Unix(units/1e9, units%1e9).UTC()
}

// fraction is the layout of parts of a second. Those that are zero are left out.
func fraction(of format.TimeUnit) string {
	switch of.Value.(type) {
	case *format.MilliSeconds:
		return ".999"
	case *format.MicroSeconds:
		return ".999999"
	}
	return ".999999999"
}

// instantOf96 reads the time that old writers have instead of a timestamp: nanoseconds of a day, and the Julian number of the day.
func instantOf96(v [3]uint32) value.Value {
	const julianOf1970 = 2_440_588
	nanoseconds := int64(uint64(v[1])<<32 | uint64(v[0])) //nolint:gosec // The bits of a signed number.
	day := time.Unix((int64(v[2])-julianOf1970)*86400, 0).UTC()
	return value.String(day.Add(time.Duration(nanoseconds)).Format("2006-01-02T15:04:05.999999999"))
}

// float16 returns a number of 16 bits, the lowest byte first.
func float16(data []byte) value.Value {
	if len(data) != 2 {
		return bytesOf(data)
	}
	bits := uint16(data[1])<<8 | uint16(data[0])
	exponent, mantissa := int(bits>>10&0x1f), float64(bits&0x3ff)
	number := math.Ldexp(mantissa+1024, exponent-25)
	switch exponent {
	case 0:
		number = math.Ldexp(mantissa, -24)
	case 0x1f:
		return value.Value{}
	}
	if bits&0x8000 != 0 {
		number = -number
	}
	return float(number, 32)
}
