module github.com/gleitzeit/gleitzeit/testdata/ollama/tinymodel

go 1.26
