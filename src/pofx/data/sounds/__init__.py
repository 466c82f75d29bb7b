"""Sounds from files: recordings, folders and archives of them into `Data` of whole numbers as they were recorded."""
