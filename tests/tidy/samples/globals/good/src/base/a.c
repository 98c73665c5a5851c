static const char *const names[] = {"one", "two"};

const char *name(int i);
const char *name(int i)
{
    return names[i];
}
