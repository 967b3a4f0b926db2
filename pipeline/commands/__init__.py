"""What DVC or a person calls, one thin command each; the work is done in the rooms below."""
