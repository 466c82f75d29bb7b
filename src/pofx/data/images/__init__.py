"""Pictures from files: folders, zips, IDX, NumPy and Parquet into `Data` whose values stay uint8."""
