"""Only a computed name leads here."""

VALUE = 42
