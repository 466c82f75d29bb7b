"""What is shown of models of pictures: sheets, nearest neighbours, codes."""
