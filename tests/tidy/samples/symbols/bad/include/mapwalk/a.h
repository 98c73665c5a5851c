int mw_one(void);
const char *mw_two(int i);
