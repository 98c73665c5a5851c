int counter;
int first = 1;
static const char *names[] = {"one", "two"};

const char *name(int i);
const char *name(int i)
{
    static int calls;

    names[i] = "three";
    return names[calls++];
}
