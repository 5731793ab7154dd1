"""The provider ``qemu``: real machines on one's own computer, without a daemon, root or an account."""
