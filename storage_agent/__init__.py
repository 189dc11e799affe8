"""One storage element: durable files, their journal, and the agent that gives and takes documents."""
