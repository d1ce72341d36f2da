/* The kernel's flight recorder.
 *
 * Signals that end, ends, OOM victims and tmux clients, where they concern a watched process,
 * are written into a ring of slots that outlives whoever reads it. Everything is read in the
 * context in which it happens: a killer lives for milliseconds. No system call is hooked. */
#include "record.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define TICK_NS 10000000ull
/* What a user may write at once, and in a second: one kill loop must not blind the others. */
#define BURST 1000ull
#define PER_SECOND 200ull
#define SECOND 1000000000ull

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct record);
} wk_records SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, u32);
	__type(value, struct state);
} wk_state SEC(".maps");

/* The watched, by number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct root);
} wk_roots SEC(".maps");

/* Users who want to hear of their tmux clients. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u32);
} wk_commands SEC(".maps");

/* By user, and by kind: bit 32 for ends. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u64);
	__type(value, struct budget);
} wk_budgets SEC(".maps");

/* Records that were not written, by the user whom they concerned. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, u64);
} wk_lost SEC(".maps");

/* Wakes the reader; holds nothing that anybody needs. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} wk_bell SEC(".maps");

struct command {
	u32 length;
	char argv[ANCESTOR_ARGV];
};

/* What each process was started with: for those who can no longer be asked. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct command);
} wk_started SEC(".maps");

inline_always void ring_bell(void)
{
	u64 rung = 1;

	ring_output(&wk_bell, &rung, sizeof(rung), BPF_RB_FORCE_WAKEUP);
}

inline_always void count_lost(u32 uid)
{
	u64 *lost = map_lookup(&wk_lost, &uid);
	u64 one = 1;

	if (lost)
		__sync_fetch_and_add(lost, 1);
	else
		map_update(&wk_lost, &uid, &one, 0);
}

/* Whether the user behind `key` may have another record; `owner` is whom it concerns. */
inline_always int may_write(u64 key, u32 owner)
{
	struct budget *budget = map_lookup(&wk_budgets, &key);
	u64 now = boot_ns();

	if (!budget) {
		struct budget fresh = { .last_ns = now, .tokens = BURST - 1 };

		map_update(&wk_budgets, &key, &fresh, 0);
		return 1;
	}
	/* Two processors may count at once: a record more or less is no harm. */
	u64 earned = (now - budget->last_ns) / (SECOND / PER_SECOND);

	if (earned) {
		u64 tokens = budget->tokens + earned;

		budget->tokens = tokens > BURST ? BURST : tokens;
		budget->last_ns = now;
	}
	if (budget->tokens) {
		budget->tokens--;
		return 1;
	}
	count_lost(owner);
	if (now - budget->rang_ns > SECOND / 4) {
		budget->rang_ns = now;
		ring_bell();
	}
	return 0;
}

inline_always u32 user_of(struct task_struct *task)
{
	const struct cred *cred = 0;
	u32 uid = 0;

	READ(cred, task, real_cred);
	if (cred)
		READ(uid, cred, uid.val);
	return uid;
}

/* A holder's session can end before anybody could ask for the holder to be watched: its name is
 * enough to keep what happens below it, and whose it is decides who is told. */
inline_always struct root *holder_of(struct task_struct *task, u32 number)
{
	u32 uid = user_of(task);
	struct root made = {
		.start = task->start_boottime / TICK_NS,
		.uid = uid,
	};
	const char holder[10] = "wk-holder";
	char name[16] = {};

	read_kernel(name, sizeof(name), &task->comm);
	for (int i = 0; i < (int)sizeof(holder); i++)
		if (name[i] != holder[i])
			return 0;
	if (!may_write((1ull << 34) | uid, uid))
		return 0;
	map_update(&wk_roots, &number, &made, 0);
	return map_lookup(&wk_roots, &number);
}

/* The watched process at or above `task`; its number goes to `pid`. */
inline_always struct root *root_of(struct task_struct *task, u32 *pid)
{
	struct task_struct *at = task->group_leader;

	for (int i = 0; i < DEPTH; i++) {
		struct root *root;
		u32 number;

		if (!at)
			return 0;
		number = at->tgid;
		root = map_lookup(&wk_roots, &number);
		if (root && root->start == at->start_boottime / TICK_NS) {
			*pid = number;
			return root;
		}
		if (number <= 1)
			return 0;
		root = holder_of(at, number);
		if (root) {
			*pid = number;
			return root;
		}
		at = at->real_parent;
		if (!at)
			return 0;
		at = at->group_leader;
	}
	return 0;
}

/* The next slot, not yet valid; `number` is what makes it so. */
inline_always struct record *begin(u64 *number)
{
	u32 zero = 0;
	struct state *state = map_lookup(&wk_state, &zero);
	struct record *record;
	u32 slot;

	if (!state)
		return 0;
	*number = __sync_fetch_and_add(&state->head, 1) + 1;
	slot = *number % SLOTS;
	record = map_lookup(&wk_records, &slot);
	if (!record)
		return 0;
	__sync_lock_test_and_set(&record->seq, 0);
	record->at_ns = boot_ns();
	record->flags = 0;
	record->signal = 0;
	record->code = 0;
	record->result = 0;
	record->exit_code = 0;
	record->argv_length = 0;
	record->ancestors = 0;
	record->sender_pid = 0;
	return record;
}

inline_always void finish(struct record *record, u64 number)
{
	__sync_lock_test_and_set(&record->seq, number);
	ring_bell();
}

inline_always void write_target(struct record *record, struct task_struct *task,
				struct root *root, u32 root_pid)
{
	struct task_struct *leader = task->group_leader;
	struct task_struct *parent;

	record->root_pid = root_pid;
	record->root_start = root->start;
	record->root_uid = root->uid;
	record->target_parent = 0;
	if (!leader)
		return;
	record->target_pid = leader->tgid;
	record->target_start_ns = leader->start_boottime;
	read_kernel(record->target_comm, 16, &leader->comm);
	parent = leader->real_parent;
	if (parent)
		record->target_parent = parent->tgid;
}

/* As `/proc/PID/stat` has it. */
inline_always u32 terminal_of(struct task_struct *task)
{
	struct signal_struct *signal = 0;
	struct tty_struct *tty = 0;
	struct tty_driver *driver = 0;
	int major = 0, first = 0, index = 0;
	u32 minor;

	READ(signal, task, signal);
	if (signal)
		READ(tty, signal, tty);
	if (!tty)
		return 0;
	READ(driver, tty, driver);
	READ(index, tty, index);
	if (!driver)
		return 0;
	READ(major, driver, major);
	READ(first, driver, minor_start);
	minor = first + index;
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

/* Reads the arguments of the current process from its own memory; at most `room`. */
inline_always u32 read_arguments(struct task_struct *task, char *to, u32 room)
{
	struct mm_struct *mm = 0;
	unsigned long from = 0, end = 0;
	u64 length, in_page;

	READ(mm, task, mm);
	if (!mm)
		return 0;
	READ(from, mm, arg_start);
	READ(end, mm, arg_end);
	if (!from || end <= from)
		return 0;
	length = end - from;
	if (length > room)
		length = room;
	if (!read_user(to, length, (void *)from))
		return length;
	/* The next page may be on disk; nothing can be waited for here. */
	in_page = 4096 - (from & 4095);
	if (in_page < length && !read_user(to, in_page, (void *)from))
		return in_page;
	return 0;
}

inline_always void write_ancestors(struct record *record, struct task_struct *task)
{
	struct task_struct *at = task->group_leader;
	u32 count = 0;

	for (int i = 0; i < ANCESTORS; i++) {
		struct ancestor *ancestor = &record->ancestor[i];
		struct command *command;

		if (!at || at->tgid <= 1)
			break;
		at = at->real_parent;
		if (!at)
			break;
		at = at->group_leader;
		if (!at || at->tgid == 0)
			break;
		ancestor->pid = at->tgid;
		ancestor->start_ns = at->start_boottime;
		ancestor->uid = user_of(at);
		ancestor->argv_length = 0;
		read_kernel(ancestor->comm, 16, &at->comm);
		command = task_storage(&wk_started, at, 0, 0);
		if (command) {
			read_kernel(ancestor->argv, ANCESTOR_ARGV, command->argv);
			ancestor->argv_length = command->length;
		}
		count = i + 1;
	}
	record->ancestors = count;
}

/* Who runs now. */
inline_always void write_sender(struct record *record)
{
	struct task_struct *task = current_task();
	struct task_struct *leader = task->group_leader;
	u32 flags = task->flags;

	record->sender_uid = (u32)current_uid_gid();
	record->sender_cgroup = current_cgroup();
	record->sender_tty = terminal_of(task);
	if (flags & PF_EXITING)
		record->flags |= FLAG_EXITS;
	if (flags & PF_KTHREAD)
		record->flags |= FLAG_KERNEL;
	if (!leader)
		return;
	record->sender_pid = leader->tgid;
	record->sender_start_ns = leader->start_boottime;
	read_kernel(record->sender_comm, 16, &leader->comm);
	if (!(flags & PF_KTHREAD))
		record->argv_length = read_arguments(task, record->argv, ARGV);
	if (!record->argv_length) {
		/* Its memory is gone already: what it was started with is not. */
		struct command *command = task_storage(&wk_started, leader, 0, 0);

		if (command) {
			read_kernel(record->argv, ANCESTOR_ARGV, command->argv);
			record->argv_length = command->length;
		}
	}
	write_ancestors(record, task);
}

/* Only the kill call itself tells whether a group was meant. */
inline_always void write_kill_argument(struct record *record, int signal)
{
#ifdef __TARGET_x86
	struct pt_regs *registers = task_registers(current_task());

	if (!registers)
		return;
	if (registers->orig_ax == 62 && (int)registers->si == signal) {
		record->kill_argument = (s32)registers->di;
		record->flags |= FLAG_KILL_ARGUMENT;
	} else if (registers->orig_ax == 37 && (int)registers->cx == signal) {
		/* A program of 32 bits. */
		record->kill_argument = (s32)registers->bx;
		record->flags |= FLAG_KILL_ARGUMENT;
	}
#endif
}

#define KERNEL 0x80
#define IGNORED 1
#define BIT(signal) (1ull << (signal))
/* CHLD, CONT, TSTP, TTIN, TTOU, URG, WINCH: by default they end nobody. */
#define HARMLESS (BIT(17) | BIT(18) | BIT(20) | BIT(21) | BIT(22) | BIT(23) | BIT(28))
/* HUP, INT, QUIT, ILL, ABRT, BUS, FPE, KILL, SEGV, TERM, STOP, XCPU, XFSZ, SYS: told in any
 * case. All others are timers and words among programs unless nobody listens to them. */
#define GRAVE                                                                                   \
	(BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(11) |      \
	 BIT(15) | BIT(19) | BIT(24) | BIT(25) | BIT(31))

inline_always int is_default(struct task_struct *task, u32 signal)
{
	struct sighand_struct *sighand = 0;
	void *handler = (void *)1;

	READ(sighand, task, sighand);
	if (!sighand)
		return 0;
	read_kernel(&handler, sizeof(handler), &sighand->action[(signal - 1) & 63].sa.sa_handler);
	return !handler;
}

SEC("tp_btf/signal_generate")
int signal_generate(u64 *ctx)
{
	int signal = ctx[0];
	const void *info = (void *)ctx[1];
	struct task_struct *task = (void *)ctx[2];
	struct record *record;
	struct root *root;
	s32 head[3] = {};
	u64 number;
	u32 pid = 0;

	if (signal < 1 || signal > 64)
		return 0;
	if (signal < 32 && (HARMLESS & BIT(signal)))
		return 0;
	if (!(signal < 32 && (GRAVE & BIT(signal))) && !is_default(task, signal))
		return 0;
	root = root_of(task, &pid);
	if (!root)
		return 0;
	/* 0 and 1 are no addresses: a signal without any word, and one from the kernel. */
	if (read_kernel(head, sizeof(head), info))
		head[2] = ((u64)info == 1) ? KERNEL : 0;
	/* Every process that leads a terminal gets its own hangup when it is gone already. */
	if (head[2] == KERNEL && ctx[4] == IGNORED)
		return 0;
	if (!may_write((u32)current_uid_gid(), root->uid))
		return 0;
	record = begin(&number);
	if (!record)
		return 0;
	record->kind = KIND_SIGNAL;
	record->signal = signal;
	record->code = head[2];
	record->result = ctx[4];
	write_target(record, task, root, pid);
	write_sender(record);
	if (record->code == 0)
		write_kill_argument(record, signal);
	finish(record, number);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int sched_process_exit(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = 0;
	struct record *record;
	struct root *root;
	int live = 1, code = 0;
	u32 pid = 0, group = 0;
	u64 number;

	if (!leader)
		return 0;
	READ(signal, task, signal);
	if (!signal)
		return 0;
	READ(live, signal, live.counter);
	if (live)
		return 0;
	READ(group, signal, flags);
	if (group & SIGNAL_GROUP_EXIT)
		READ(code, signal, group_exit_code);
	else
		code = leader->exit_code;
	u32 own = leader->tgid;
	struct root *itself = map_lookup(&wk_roots, &own);

	if (!itself && !(code & 0x7f) && ((code >> 8) & 0xff) < 128)
		return 0;
	root = root_of(task, &pid);
	if (!root)
		return 0;
	if (pid != own && !(code & 0x7f) && ((code >> 8) & 0xff) < 128)
		return 0;
	if (pid != own && !may_write((1ull << 32) | user_of(leader), root->uid))
		return 0;
	record = begin(&number);
	if (!record)
		return 0;
	record->kind = KIND_EXIT;
	record->exit_code = code;
	write_target(record, task, root, pid);
	finish(record, number);
	return 0;
}

SEC("tp_btf/mark_victim")
int mark_victim(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct record *record;
	struct root *root;
	u64 number;
	u32 pid = 0;

	root = root_of(task, &pid);
	if (!root)
		return 0;
	record = begin(&number);
	if (!record)
		return 0;
	record->kind = KIND_OOM;
	write_target(record, task, root, pid);
	finish(record, number);
	return 0;
}

/* Whether a name is `tmux`. */
inline_always int is_tmux(const char *comm)
{
	return comm[0] == 't' && comm[1] == 'm' && comm[2] == 'u' && comm[3] == 'x' && !comm[4];
}

SEC("tp_btf/sched_process_exec")
int sched_process_exec(u64 *ctx)
{
	struct task_struct *task = current_task();
	struct command *command;
	struct record *record;
	char comm[16] = {};
	u64 number;
	u32 uid;

	command = task_storage(&wk_started, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (command)
		command->length = read_arguments(task, command->argv, ANCESTOR_ARGV);
	read_kernel(comm, sizeof(comm), &task->comm);
	if (!is_tmux(comm))
		return 0;
	uid = (u32)current_uid_gid();
	if (!map_lookup(&wk_commands, &uid) || !may_write((1ull << 33) | uid, uid))
		return 0;
	record = begin(&number);
	if (!record)
		return 0;
	record->kind = KIND_COMMAND;
	record->root_pid = 0;
	record->root_start = 0;
	record->root_uid = uid;
	record->target_pid = 0;
	write_sender(record);
	finish(record, number);
	return 0;
}
