/*
 * Finding and writing names of files. See names.h.
 */
#include "view/names.h"

const char *names_find(const struct names *names, uint64_t inode)
{
    const char *name;

    if (names->find == NULL || inode > UINT32_MAX)
        return "";
    name = names->find(names->context, (uint32_t)inode);
    return name == NULL ? "" : name;
}

/*
 * The backslash is escaped too, or an escape in the output could not be told from one in the name.
 * /
 */
void names_write(FILE *out, const char *name)
{
    for (; *name != '\0'; name++) {
        unsigned char byte = (unsigned char)*name;

        if (byte < 0x20 || byte == 0x7f || byte == '\\')
            fprintf(out, "\\%03o", byte);
        else
            fputc(byte, out);
    }
}
