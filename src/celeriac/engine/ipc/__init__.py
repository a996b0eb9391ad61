"""How the processes of one worker talk: messages over sockets, and shared memory that outlives a killed writer."""
