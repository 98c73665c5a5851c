/*
 * Areas in the form of /proc/PID/maps. See maps.h.
 *
 * Role: layer 9. The form is proc(5)'s, so that tools which read maps files read these.
 */
#include "view/maps.h"

#include <inttypes.h>

#include "view/event_field.h"
#include "view/names.h"

#define MAPS_NAME_COLUMN 73 /* where proc(5)'s own lines have the name */

/*
 * Linux has no word for an area that nobody asked for; without one it would look like any anonymous
 * memory.
 */
static const char *maps_name(const struct mw_vma *v)
{
    return *v->name == '\0' && v->implicit ? "[implicit]" : v->name;
}

void maps_write_text(FILE *out, const struct mw_vma *v)
{
    const char *name = maps_name(v);
    char prot[4];
    int column;

    event_field_prot((uint64_t)v->prot, prot);
    column = fprintf(out, "%08" PRIx64 "-%08" PRIx64 " %s%c %08" PRIx64 " 00:00 %" PRIu32, v->start,
                     v->end, prot, v->shared ? 's' : 'p', v->off_bytes, v->inode);
    if (*name != '\0') {
        fprintf(out, "%*s", column < MAPS_NAME_COLUMN ? MAPS_NAME_COLUMN - column : 1, "");
        names_write(out, name);
    }
    fputc('\n', out);
}

/*
 * The same facts by name; the name stays empty where Linux would show none, since `implicit` is a
 * key of its own.
 */
void maps_write_json(struct json *j, int pid, const struct mw_vma *v)
{
    char prot[4];

    event_field_prot((uint64_t)v->prot, prot);
    json_object_begin(j);
    json_key(j, "pid");
    json_s64(j, pid);
    json_pair_hex(j, "start", v->start);
    json_pair_hex(j, "end", v->end);
    json_pair_string(j, "prot", prot);
    json_pair_bool(j, "shared", v->shared);
    json_pair_bool(j, "implicit", v->implicit);
    json_pair_hex(j, "off_bytes", v->off_bytes);
    json_pair_u64(j, "inode", v->inode);
    json_pair_string(j, "name", v->name);
    json_object_end(j);
}

void maps_write_smaps_json(struct json *j, int pid, const struct mw_smaps *s)
{
    json_object_begin(j);
    json_key(j, "pid");
    json_s64(j, pid);
    json_pair_hex(j, "start", s->vma.start);
    json_pair_hex(j, "end", s->vma.end);
    json_pair_u64(j, "rss_bytes", s->rss_bytes);
    json_pair_u64(j, "pss_bytes", s->pss_bytes);
    json_pair_u64(j, "pss_dirty_bytes", s->pss_dirty_bytes);
    json_pair_u64(j, "shared_clean_bytes", s->shared_clean_bytes);
    json_pair_u64(j, "shared_dirty_bytes", s->shared_dirty_bytes);
    json_pair_u64(j, "private_clean_bytes", s->private_clean_bytes);
    json_pair_u64(j, "private_dirty_bytes", s->private_dirty_bytes);
    json_pair_u64(j, "referenced_bytes", s->referenced_bytes);
    json_pair_u64(j, "anonymous_bytes", s->anonymous_bytes);
    json_pair_u64(j, "locked_bytes", s->locked_bytes);
    json_pair_bool(j, "thp_eligible", s->thp_eligible);
    json_pair_string(j, "vm_flags", s->vm_flags);
    json_object_end(j);
}
