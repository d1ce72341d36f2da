/* The little of the kernel that is used here. Only names matter: offsets are found when the
 * programs are loaded (CO-RE), so this needs no header of the running kernel. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;

#define SEC(name) __attribute__((section(name), used))
#define inline_always static __attribute__((always_inline)) inline
#define __uint(name, value) int(*name)[value]
#define __type(name, value) typeof(value) *name

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
	BPF_F_NO_PREALLOC = 1,
	BPF_F_MMAPABLE = 1 << 10,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
	PF_EXITING = 0x4,
	PF_KTHREAD = 0x200000,
	SIGNAL_GROUP_EXIT = 0x4,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct kuid {
	u32 val;
};

struct cred {
	struct kuid uid;
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	struct tty_driver *driver;
	int index;
};

struct counter {
	int counter;
};

struct signal_struct {
	struct counter live;
	struct tty_struct *tty;
	int group_exit_code;
	unsigned int flags;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct task_struct {
	unsigned int flags;
	int tgid;
	int exit_code;
	u64 start_boottime;
	char comm[16];
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	const struct cred *real_cred;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
};

struct pt_regs {
	unsigned long bx;
	unsigned long cx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};

#pragma clang attribute pop

static void *(*map_lookup)(void *map, const void *key) = (void *)1;
static long (*map_update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*current_uid_gid)(void) = (void *)15;
static u64 (*current_cgroup)(void) = (void *)80;
static long (*read_user)(void *to, u32 size, const void *from) = (void *)112;
static long (*read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static u64 (*boot_ns)(void) = (void *)125;
static long (*ring_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static void *(*task_storage)(void *map, struct task_struct *task, void *value, u64 flags) = (void *)156;
static struct task_struct *(*current_task)(void) = (void *)158;
static struct pt_regs *(*task_registers)(struct task_struct *task) = (void *)175;

/* Reads a field behind a pointer that may lead nowhere: then it is zero. */
#define READ(to, pointer, field) read_kernel(&(to), sizeof(to), &(pointer)->field)
