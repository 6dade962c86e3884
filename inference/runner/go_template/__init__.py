"""Go's text/template, as far as the chat templates of Ollama's models use it.

Source: https://pkg.go.dev/text/template
"""
