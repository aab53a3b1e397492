package python

import "os"

// maskFiles returns the words of bwrap that put nothing over files which a sandbox hides: those with secrets, in folders that
// it shows.
func maskFiles(hide []string) (words []string) {
	for _, path := range hide {
		path = resolveLinks(path)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			words = append(words, "--ro-bind", os.DevNull, path)
		}
	}
	return words
}
