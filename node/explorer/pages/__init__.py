"""The explorer's pages: made on the server, of the index's rows, without any build step."""
