// Package version knows which version of Gleitzeit this program is.
package version

import (
	"regexp"
	"runtime/debug"
)

// Release is the version that is being prepared, or, in a build of its tag, the one that this is.
const Release = "0.1.0"

// Of returns the version of a build: that of its tag without the v, or Release with -dev if it is not a build of a tag, as in a
// clone.
func Of(info *debug.BuildInfo) string {
	if info != nil && tagged.MatchString(info.Main.Version) {
		return info.Main.Version[1:]
	}
	return Release + "-dev"
}

// tagged matches the versions of tags, which those that Go makes up of a commit (v0.0.0-20261130094112-3f0e8c1a2b4d), of changed
// files (+dirty) or of no repository ((devel)) are not.
var tagged = regexp.MustCompile(`^v\d+\.\d+\.\d+(-(alpha|beta|rc)\.\d+)?$`)

// Current returns the version of this program.
func Current() string {
	info, _ := debug.ReadBuildInfo()
	return Of(info)
}
