"""The command line: one small file a verb, imported only when that verb is used."""
