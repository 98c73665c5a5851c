/* Fine. */
/* TODO: finish this */
int value; /* FIXME */
int other; /* XXX why */
