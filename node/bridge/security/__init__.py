"""What a message has to show beside its terminal's MAC or signature: a PIN, a QR code, the connection's certificate."""
