package documents

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// rtfIgnored are the destinations whose text is not part of the document.
var rtfIgnored = map[string]bool{
	"colortbl": true, "pict": true, "objdata": true, "objclass": true, "objname": true, "listtable": true, "listoverridetable": true,
	"revtbl": true, "rsidtbl": true, "generator": true, "themedata": true, "colorschememapping": true, "latentstyles": true, "datastore": true,
	"xmlnstbl": true, "filetbl": true, "sp": true, "shprslt": true, "nonshppict": true, "bkmkstart": true, "bkmkend": true, "ftnsep": true,
	"ftnsepc": true, "ftncn": true, "aftnsep": true, "aftnsepc": true, "aftncn": true, "template": true, "operator": true, "company": true,
	"creatim": true, "revtim": true, "printim": true, "buptim": true, "doccomm": true, "category": true, "manager": true, "comment": true,
	"hlinkbase": true, "xe": true, "tc": true, "pnseclvl": true, "private": true, "userprops": true, "docvar": true, "formfield": true,
	"mmathPr": true, "nonesttables": true, "pn": true, "atnid": true, "atnauthor": true, "atrfstart": true, "atrfend": true, "atntime": true, "picprop": true,
}

// rtfApart are the destinations whose text goes elsewhere, and where.
var rtfApart = map[string]string{
	"footnote": "footnote", "header": "header", "headerl": "header", "headerr": "header", "headerf": "header",
	"footer": "footer", "footerl": "footer", "footerr": "footer", "footerf": "footer", "listtext": "listtext", "pntext": "listtext",
	"fldinst": "fldinst", "title": "title", "author": "author", "subject": "subject", "keywords": "keywords", "shptxt": "shptxt",
}

// rtfLetters are the words that stand for a character.
var rtfLetters = map[string]string{
	"tab": "\t", "line": "\n", "lbr": "\n", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
	"emspace": " ", "enspace": " ", "qmspace": " ", "zwj": "\u200d", "zwnj": "\u200c", "nestcell": " ", "nestrow": "\n",
}

// word does what a control word says.
func (r *rtf) word(word string, number int, hasNumber bool) {
	g := r.group()
	optional := g.optional
	g.optional = false
	isOn := !hasNumber || number != 0
	if kind := rtfApart[word]; kind != "" {
		r.apart(kind)
		return
	}
	if letter := rtfLetters[word]; letter != "" {
		r.write(letter)
		return
	}
	switch word {
	case "par", "sect", "page":
		if !g.ignored {
			r.endParagraph()
		}
	case "pard":
		g.inTable, g.heading, g.level = false, 0, 0
	case "intbl":
		g.inTable = true
	case "cell":
		if !g.ignored {
			g.inTable = true
			r.placeParagraph()
			r.endParagraph()
			r.m.closeCell()
		}
	case "row":
		r.m.closeRow()
	case "outlinelevel":
		if number >= 0 && number < maxListDepth {
			g.heading = number + 1
		}
	case "s":
		if level := r.levels[number]; level > 0 {
			g.heading = level
		}
	case "ilvl":
		g.level = min(max(number, 0), maxListDepth-1)
	case "v", "deleted":
		g.hidden = isOn
	case "plain":
		g.hidden, r.m.raised = false, false
	case "super":
		r.m.raised = isOn
	case "nosupersub", "sub":
		r.m.raised = false
	case "uc":
		g.fallback = min(max(number, 0), maxRTFWord)
	case "f":
		g.font, r.pages.font = number, number
	case "ansicpg":
		r.pages.standard = number
	case "mac":
		r.pages.standard = macCodePage
	case "pc":
		r.pages.standard = 437
	case "pca":
		r.pages.standard = 850
	case "fcharset":
		r.pages.fonts[r.pages.font] = number
	case "fldrslt":
		g.kind = "fldrslt"
		g.ignored = g.ignored || r.isPage
		r.isPage = false
		if !g.ignored {
			if r.away == 0 {
				r.placeParagraph()
			}
			r.m.openLink(r.target)
		}
		r.target = ""
	default:
		r.destination(word, optional)
	}
}

// destination decides whether what a group holds is shown.
func (r *rtf) destination(word string, optional bool) {
	g := r.group()
	switch word {
	case "fonttbl":
		g.ignored = true // Its words are read, and its text is not.
	case "stylesheet":
		g.ignored = true
		r.styles()
	case "annotation":
		r.comments, g.ignored = true, true
	case "shpinst", "shppict", "cs", "ds", "ts":
	default:
		g.ignored = g.ignored || rtfIgnored[word] || optional
	}
}

// styles reads the list of styles: for each, its number, its level as a heading, and its name.
func (r *rtf) styles() {
	depth, start := 1, r.at
	for ; r.at < len(r.data) && depth > 0; r.at++ {
		switch r.data[r.at] {
		case '\\':
			r.at++
		case '{':
			if depth++; depth == 2 {
				start = r.at
			}
		case '}':
			if depth--; depth == 1 {
				r.styleOf(string(r.data[start+1 : r.at]))
			}
		}
		if r.cost.Check() != nil {
			return
		}
	}
	if depth == 0 {
		r.at-- // The end of the group is read with the rest.
	}
}

// styleOf takes one style: "\s1\outlinelevel0 heading 1;".
func (r *rtf) styleOf(definition string) {
	number, level := 0, 0
	for _, word := range strings.Split(definition, `\`)[1:] {
		code, name, _ := strings.Cut(word, " ")
		if n, is := numberAfter(code, "s"); is {
			number = n
		}
		if n, is := numberAfter(code, "outlinelevel"); is && n < maxListDepth {
			level = n + 1
		}
		if n, is := numberAfter(strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), ";")), "heading "); is {
			level = n
		}
	}
	if level > 0 {
		r.levels[number] = level
	}
}

func numberAfter(text, prefix string) (int, bool) {
	rest, is := strings.CutPrefix(text, prefix)
	if !is || rest == "" || len(rest) > 4 || strings.Trim(rest, "0123456789") != "" {
		return 0, false
	}
	n := 0
	for _, digit := range rest {
		n = n*10 + int(digit-'0')
	}
	return n, true
}

// rtfPages are the code pages of a document.
type rtfPages struct {
	standard int
	fonts    map[int]int // Character sets by fonts.
	font     int         // The last one that was named.
}

const (
	defaultCodePage = 1252
	macCodePage     = 10000
)

// ofCharset are the code pages of character sets of fonts.
var ofCharset = map[int]int{77: macCodePage, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258, 177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250, 254: 437, 255: 850}

// codePages are the encodings of code pages whose names differ from "windows-" and their number.
var codePages = map[int]string{932: "shift_jis", 936: "gbk", 949: "euc-kr", 950: "big5", 874: "windows-874", macCodePage: "macintosh", 65001: "utf-8", 866: "ibm866"}

// decode returns bytes in the code page of a font as text.
func (p rtfPages) decode(font int, data []byte) string {
	page := p.standard
	if of := ofCharset[p.fonts[font]]; of != 0 {
		page = of
	}
	var from encoding.Encoding = charmap.Windows1252
	switch name := codePages[page]; {
	case page == 437:
		from = charmap.CodePage437
	case page == 850:
		from = charmap.CodePage850
	case name != "":
		from, _ = htmlindex.Get(name)
	case page >= 1250 && page <= 1258:
		from, _ = htmlindex.Get("windows-" + string([]byte{'1', '2', '5', byte('0' + page%10)}))
	}
	text, err := from.NewDecoder().Bytes(data)
	if err != nil {
		return string(data)
	}
	return string(text)
}
