//go:build unix && !linux

package stdio

// unreadBytes is the request for the number of bytes in a pipe: FIONREAD of macOS and the BSDs.
const unreadBytes = 0x4004667f
