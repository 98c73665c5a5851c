/*
 * Private to native*.c: the engine's own state.
 */
#ifndef MAPWALK_LOAD_NATIVE_PRIVATE_H
#define MAPWALK_LOAD_NATIVE_PRIVATE_H

#include "load/native.h"
#include "load/native_channel.h"

#define NATIVE_DIRECTORY_BYTES 256

/* A process of the script, or the keeper (party 0). */
struct native_party {
    int pid;      /* as the script knows it; 0: nobody */
    int host_pid; /* as the host does */
    int handle;   /* pidfd */
    int maps;     /* /proc/PID/maps, mem, pagemap; -1: not opened yet */
    int mem;
    int pagemap;
    bool stale;  /* the areas below are older than its last action */
    bool ended;  /* a child of somebody who may still wait for it */
    bool shares; /* memory or descriptors, or did so: its exec needs a process that does not */
    int parent;  /* the host's pid of who made it */
};

struct native {
    struct alloc *alloc;
    struct native_channel *channel;
    struct native_party parties[NATIVE_PARTIES];
    char directory[NATIVE_DIRECTORY_BYTES];
    struct mw_vma *areas; /* of the party looked at last, in the window */
    size_t area_count;
    size_t area_capacity;
    unsigned areas_of; /* that party; 0: none */
    char *text;        /* of /proc/PID/maps */
    size_t text_bytes;
};

/* The party of a live process, or NULL. */
struct native_party *native_find(struct native *n, int pid);

/* ---- native_files.c ---- */
MUST_CHECK int native_directory_make(struct native *n);
void native_directory_clear(struct native *n); /* removes what is in it */
/* A script's name of its file in /dev/shm, without the folder; NULL: it is none. */
const char *native_shm_name(const struct native *n, const char *name);
void native_directory_remove(struct native *n);

/* ---- native_look.c ---- */
void native_look_close(struct native_party *p);
void native_look_destroy(struct native *n);

#endif
