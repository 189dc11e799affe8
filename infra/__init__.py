"""Ground of the house: what every program stands on (runtime), what starts them (stack), and the command (cli)."""
