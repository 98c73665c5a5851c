/* A test. */
static void a_test_that_is_there(void **state)
{
    (void)state;
}
