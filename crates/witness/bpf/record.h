/* What is kept of the world: shared with `src/raw.rs`, which reads it. Whoever changes a
 * structure here changes LAYOUT too: then an older witness's records are let go of. */
#pragma once

#include "kernel.h"

#define LAYOUT 1
#define SLOTS 2048
#define ARGV 1024
#define ANCESTORS 12
#define ANCESTOR_ARGV 96
/* Higher up than this, nobody looks for a watched process. */
#define DEPTH 16

enum kind {
	KIND_SIGNAL = 1,
	KIND_EXIT = 2,
	KIND_OOM = 3,
	KIND_COMMAND = 4,
};

enum flag {
	FLAG_EXITS = 1,
	FLAG_KERNEL = 2,
	FLAG_KILL_ARGUMENT = 4,
};

/* A process above the sender. */
struct ancestor {
	u64 start_ns;
	u32 pid;
	u32 uid;
	char comm[16];
	u16 argv_length;
	u16 unused[3];
	char argv[ANCESTOR_ARGV];
};

struct record {
	/* Its number, from 1; 0 while it is being written. */
	u64 seq;
	u64 at_ns;
	u32 kind;
	u32 flags;

	u64 target_start_ns;
	u32 target_pid;
	u32 target_parent;
	char target_comm[16];
	u64 root_start;
	u32 root_pid;
	u32 root_uid;

	s32 signal;
	s32 code;
	s32 result;
	/* As `wait` has it. */
	s32 exit_code;

	u64 sender_start_ns;
	u64 sender_cgroup;
	u32 sender_pid;
	u32 sender_uid;
	char sender_comm[16];
	u32 sender_tty;
	s32 kill_argument;
	u32 argv_length;
	u32 ancestors;
	char argv[ARGV];
	struct ancestor ancestor[ANCESTORS];
};

/* The reader counts on these. */
_Static_assert(__builtin_offsetof(struct record, root_uid) == 68, "root_uid");
_Static_assert(__builtin_offsetof(struct record, sender_start_ns) == 88, "sender_start_ns");
_Static_assert(__builtin_offsetof(struct record, argv) == 144, "argv");
_Static_assert(sizeof(struct ancestor) == 136, "ancestor");
_Static_assert(sizeof(struct record) == 2800, "record");

/* The one of this recorder. */
struct state {
	u64 layout;
	/* The number of the newest record. */
	u64 head;
	/* When it began. */
	u64 started_ns;
	/* Which programs write here. */
	u64 programs;
	char generation[16];
};

/* A watched process, by its number. */
struct root {
	/* Clock ticks after boot. */
	u64 start;
	u32 uid;
	u32 unused;
};

/* What a user may still have written. */
struct budget {
	u64 last_ns;
	u64 tokens;
	u64 rang_ns;
};
