"""Who may not enter the lake: keys, subjects, personal fields, redaction of rows, the suppression list, the gate."""
