/*
 *   I-BASE-1  one is one
 */
bool base_check(void);
