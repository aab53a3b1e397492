// Package documents has the command that shows what a model would see of a file.
package documents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/gleitzeit/gleitzeit/activities/documents"
	reading "github.com/gleitzeit/gleitzeit/internal/documents"
	"github.com/gleitzeit/gleitzeit/internal/documents/reader"
	"github.com/gleitzeit/gleitzeit/internal/protocol"
	"github.com/gleitzeit/gleitzeit/internal/value"
)

// Program is what the command uses of the program.
type Program struct {
	Reader func() (*reader.Reader, error) // With the converters of the settings.
	// Methods is Reader with the tools and functions among the converters. The caller closes it.
	Methods   func(context.Context) (r *reader.Reader, closeReader func() error, err error)
	Arguments func(names ...string) cobra.PositionalArgs
	Say       func(text string)                       // Prints a line for people.
	Print     func(text string, document value.Value) // Prints the result: the document to programs, the text to people.
}

// ReadCommand is the command `documents read`.
func ReadCommand(p Program) *cobra.Command {
	var pages, encoding string
	command := &cobra.Command{
		Use:   "read FILE",
		Short: "Print the text of a document as a model would get it",
		Long: "Print the text of a document as a model would get it: of PDF, Word, PowerPoint and Excel files, OpenDocument, HTML, EPUB, RTF,\n" +
			"mails, tables and text. With --format json, its pages, its title and what it says about itself are printed as well.\n" +
			"Nothing in a document is run, and nothing that it refers to is fetched.",
		Example: "  gleitzeit documents read report.pdf --pages 1-3\n  gleitzeit documents read minutes.docx -o json",
		Args:    p.Arguments("FILE"),
		RunE: func(command *cobra.Command, args []string) error {
			given := value.Object()
			if pages != "" {
				given = given.With(reader.PagesParameter, value.String(pages))
			}
			if encoding != "" {
				given = given.With(reader.EncodingParameter, value.String(encoding))
			}
			options, err := reader.Options(given)
			if err != nil {
				return err
			}
			return p.read(command.Context(), args[0], options)
		},
	}
	command.Flags().StringVar(&pages, "pages", "", "pages, slides or sheets to read, such as 3, 1-3, 1-3,7 or 5- (default all)")
	command.Flags().StringVar(&encoding, "encoding", "", "encoding of a text file that is not UTF-8, such as windows-1252")
	return command
}

func (p Program) read(ctx context.Context, path string, options reading.Options) (err error) {
	documentReader, err := p.Reader()
	if err != nil {
		return err
	}
	if documentReader.CallsMethod(path) {
		var closeReader func() error
		if documentReader, closeReader, err = p.Methods(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeReader()) }()
	}
	d, err := documentReader.Read(ctx, disk{}, path, options)
	if err != nil {
		return err
	}
	for _, warning := range d.Warnings {
		p.Say("! " + warning)
	}
	if missing := reader.WithoutText(d); missing != "" {
		p.Say("! " + missing)
	}
	p.Print(d.Text(), documents.Value(d))
	return nil
}

// disk reads the file that was named.
type disk struct{}

// Read implements protocol.Files.
func (disk) Read(path string, limit int64) (data []byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, failed(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, failed(path, errors.New("it is a folder"))
	}
	if data, err = io.ReadAll(io.LimitReader(file, limit+1)); err != nil {
		return nil, failed(path, err)
	}
	if int64(len(data)) > limit {
		return nil, failed(path, fmt.Errorf("it is larger than %d MiB", limit>>20))
	}
	return data, nil
}

func failed(path string, err error) error {
	if of, is := errors.AsType[*fs.PathError](err); is {
		err = of.Err
	}
	return protocol.Errorf(protocol.TaskValidationFailed, "cannot read %q: %v", path, err)
}
