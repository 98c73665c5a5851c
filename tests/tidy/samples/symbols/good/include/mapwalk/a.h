/* Calls mw_other(1) in words only. */
int mw_one(void);
const char *mw_two(int i); /* see mw_other(2) */
typedef void mw_handler(void *context);
