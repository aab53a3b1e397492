package glob

// sequence is a pattern, or one alternative in braces: texts and groups, one after the other.
type sequence []part

// part is a text without braces, or a group of alternatives.
type part struct {
	text  string
	group []sequence
}

// parseSequence reads a valid pattern up to its end; within braces, up to a comma or the closing brace. It returns where that is.
func parseSequence(text string, at int, within bool) (sequence, int) {
	var read sequence
	begin := at
	flush := func() {
		if at > begin {
			read = append(read, part{text: text[begin:at]})
		}
	}
	for at < len(text) {
		switch c := text[at]; {
		case c == '\\':
			at = min(at+2, len(text))
		case c == '[' && !within: // Within braces, a comma or a brace ends an alternative in a class of characters too.
			at = classEnd(text, at)
		case c == '{':
			flush()
			var group []sequence
			for {
				alternative, end := parseSequence(text, at+1, true)
				group = append(group, alternative)
				if at = end; at >= len(text) || text[at] == '}' {
					break
				}
			}
			read = append(read, part{group: group})
			at = min(at+1, len(text))
			begin = at
		case within && (c == ',' || c == '}'):
			flush()
			return read, at
		default:
			at++
		}
	}
	flush()
	return read, at
}

// classEnd returns what follows a class of characters.
func classEnd(text string, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case ']':
			return at + 1
		}
	}
	return len(text)
}

// count returns how many alternatives a pattern has, up to the limit and one more.
func (s sequence) count() int {
	product := 1
	for _, p := range s {
		if p.group == nil {
			continue
		}
		sum := 0
		for _, alternative := range p.group {
			sum = min(sum+alternative.count(), MaxAlternatives+1)
		}
		product = min(product*sum, MaxAlternatives+1)
	}
	return product
}

// expand returns the alternatives of a pattern, whose count is within the limit.
func (s sequence) expand() []string {
	all := [][]byte{nil}
	for _, p := range s {
		if p.group == nil {
			for i := range all {
				all[i] = append(all[i], p.text...)
			}
			continue
		}
		var endings []string
		for _, alternative := range p.group {
			endings = append(endings, alternative.expand()...)
		}
		longer := make([][]byte, 0, len(all)*len(endings))
		for i, ending := range endings {
			for _, beginning := range all {
				if i < len(endings)-1 {
					beginning = append([]byte(nil), beginning...) // The last ending takes over the memory.
				}
				longer = append(longer, append(beginning, ending...))
			}
		}
		all = longer
	}
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return texts
}
