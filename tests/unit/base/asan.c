/*
 * AddressSanitizer stops a program that asks for more than a host can have; base/alloc.h promises
 * NULL, and tests ask for it. This is the sanitizer's own hook for its options; without the
 * sanitizer nobody calls it.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
