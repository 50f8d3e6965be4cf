"""What blocks change in the index, table by table; pure: a block and the rows before it give the rows after it."""
