# The commands of the house. `make help` lists them.

GOLANGCI_LINT_VERSION := v2.15.0
GORELEASER_VERSION := v2.15.1
CYCLONEDX_VERSION := v1.10.0
BIN := $(CURDIR)/bin

# Tests of models run on a real Ollama; where it is built, they find it.
ifneq ($(wildcard $(BIN)/ollama),)
export OLLAMA_TEST_BINARY ?= $(BIN)/ollama
endif

.PHONY: help build test lint race bench fuzz histories ollama recording release-check ci clean

help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

build: ## build the program as it is released: bin/gleitzeit
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o $(BIN)/gleitzeit ./cmd/gleitzeit

test: ## run all tests
	go test -timeout 30m ./...

race: ## run the tests of what runs concurrently with the race detector, without those that measure or take a minute
	go test -race -short -timeout 20m ./interpreter/... ./activities/... ./internal/protocol/... ./internal/resultstore/... ./internal/home/... ./cmd/gleitzeit/internal/view/...

lint: $(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) ## check style, mistakes, and that workflows are deterministic
	$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION) run --allow-parallel-runners ./...
	go tool workflowcheck -config .workflowcheck.yaml ./workflows/... ./interpreter/plan/... ./interpreter/fanout/... ./interpreter/reference/...

$(BIN)/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(BIN) CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv $(BIN)/golangci-lint $@

bench: ## measure, as ratios, what docs/architecture.md claims
	go test -run '^$$' -bench . -benchtime 1x ./benchmarks $(BENCHFLAGS)

# Where the fuzz tests are, and their names; FUZZTIME=1m make fuzz is quicker.
FUZZ := interpreter/definition:FuzzParse interpreter:FuzzCompile interpreter/condition:FuzzCompile interpreter/reference:FuzzReferences interpreter/reference:FuzzPages \
	interpreter/plan:FuzzProgress internal/value:FuzzText internal/value:FuzzParse activities:FuzzAnswer activities:FuzzPrint activities/llm:FuzzAnswers \
	activities/llm/images:FuzzPrepare activities/split:FuzzSplit internal/redaction:FuzzCuts activities/python:FuzzCapture activities/mcp/stdio:FuzzOutputTail activities/mcp/wire:FuzzLine internal/requestfile:FuzzReader \
	$(addprefix internal/table:,FuzzCSV FuzzJSON FuzzParquet FuzzWorkbook) internal/workbook:FuzzRows internal/workbook:FuzzWriter internal/workbook/numberformat:FuzzShow internal/xmlarchive:FuzzOpen \
	$(addprefix internal/documents:,FuzzArchive FuzzCSV FuzzDOCX FuzzEML FuzzEPUB FuzzHTML FuzzODF FuzzPDF FuzzPPTX FuzzRTF FuzzText FuzzXLSX) internal/documents/pdf:FuzzPageText
FUZZTIME ?= 10m

fuzz: ## try the language with what nobody would write, 10 minutes for each of its parts
	for at in $(FUZZ); do go test ./$${at%:*} -run '^$$' -fuzz "^$${at#*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s || exit 1; done

histories: ## record the histories that replay tests read; only after commands were changed on purpose
	go test ./workflows -run TestRecordHistories -record

ollama: $(BIN)/ollama ## build the Ollama server that tests use: bin/ollama

$(BIN)/ollama:
	testdata/ollama/build $(BIN)

# What it needs beside a clone: a server of models, tmux.
recording: build ## record the terminal of README.md: docs/recording.svg
	testdata/recording/record $(BIN)/gleitzeit docs/recording.svg

# Without Docker the image is left out. The programs of six systems take some 20 minutes of two processors.
release-check: $(BIN)/goreleaser-$(GORELEASER_VERSION) $(BIN)/cyclonedx-gomod ## make all that a release consists of, without publishing it: dist/
	PATH="$(BIN):$$PATH" $< release --snapshot --clean --skip=publish$(shell docker info >/dev/null 2>&1 || echo ,docker)
	testdata/release/check dist

$(BIN)/goreleaser-$(GORELEASER_VERSION):
	GOBIN=$(BIN) CGO_ENABLED=0 go install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	mv $(BIN)/goreleaser $@

$(BIN)/cyclonedx-gomod:
	GOBIN=$(BIN) CGO_ENABLED=0 go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_VERSION)

ci: ## all that must hold before a change lands
	.ci/run

clean: ## remove what was built
	rm -rf $(BIN)
