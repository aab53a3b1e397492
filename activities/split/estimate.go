package split

// Estimate is an estimate of the tokens of a text, by its characters: for most tokenizers and texts it is more than they count.
// The estimate of two texts together is the sum of theirs.
func Estimate(text string) float64 {
	const (
		ascii   = 1.0 / 3 // Of a word in English, a token has about four; of numbers and code fewer.
		letters = 0.6     // Of other alphabets.
		others  = 1.2     // Ideographs, syllables, symbols.
		last    = 0x2e7f  // The last character before the ideographs.
	)
	sum := 0.0
	for _, r := range text {
		switch {
		case r < 0x80:
			sum += ascii
		case r <= last:
			sum += letters
		default:
			sum += others
		}
	}
	return sum
}
