"""Makes good and hostile calls for minutes, then checks what broke or leaked (`make soak`)."""
