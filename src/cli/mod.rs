//! The command line: results to stdout, everything else to stderr.
