"""Pictures pixel by pixel with recurrent networks: Row LSTM and Diagonal BiLSTM."""
