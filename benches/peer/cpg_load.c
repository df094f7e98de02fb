/*
 * A member of a CPG group of corosync that sends, counts and times messages: what cman_bench is
 * for cman, with the same fields in the JSON that it prints. Built and run by
 * `cargo xtask bench peer`.
 *
 *   cpg_load GROUP MEMBERS SENDERS SIZE flood SECONDS yes|no
 *   cpg_load GROUP MEMBERS SENDERS SIZE pace  COUNT   yes|no
 *
 * Begins when MEMBERS processes are in GROUP. Of these, SENDERS were started with "yes": they send
 * messages of SIZE bytes as fast as they are taken, or COUNT of them at 100 a second, and after
 * these a farewell. A sender's messages come in the order in which it sent them, so whoever has
 * all farewells has everything, and ends.
 */
#include <corosync/cpg.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NODES_MAX 256
#define PACE_NS 10000000ull /* 100 a second */
#define REFUSED_PAUSE_NS 50000ull
#define JOIN_PAUSE_NS 10000000ull

/* The front of each message. A farewell has this number. */
struct stamp {
	uint64_t number;
	uint64_t sent_ns;
};
static const uint64_t FAREWELL = UINT64_MAX;

static struct options {
	size_t members, senders, size;
	bool paced, sends;
	uint64_t amount;
} options;

static cpg_handle_t cpg;
static struct cpg_name group;

/* Written by the thread that receives only. */
static bool everybody_here;
static size_t farewells;
static uint64_t delivered, out_of_turn, first_ns, last_ns;
static uint64_t order = 0xcbf29ce484222325ull;
static uint64_t next_number[NODES_MAX];
static uint64_t *latencies;
static size_t latencies_room;

/* Written by the thread that sends; read when it has ended. */
static uint64_t sent;
static bool send_failed;

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t when)
{
	struct timespec t = { .tv_sec = (time_t)(when / 1000000000ull),
			      .tv_nsec = (long)(when % 1000000000ull) };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* One more number of the history: FNV-1a over its bytes. */
static void remember(uint64_t value)
{
	for (int byte = 0; byte < 8; byte++) {
		order ^= (value >> (8 * byte)) & 0xff;
		order *= 0x100000001b3ull;
	}
}

static void on_message(cpg_handle_t handle, const struct cpg_name *name, uint32_t node,
		       uint32_t pid, void *message, size_t length)
{
	struct stamp stamp;
	uint64_t now = now_ns();
	(void)handle, (void)name, (void)pid;
	if (length < sizeof stamp)
		return;
	memcpy(&stamp, message, sizeof stamp);
	if (stamp.number == FAREWELL) {
		farewells++;
		return;
	}
	if (delivered == 0)
		first_ns = now;
	last_ns = now;
	if (options.paced && delivered < latencies_room)
		latencies[delivered] = now - stamp.sent_ns;
	delivered++;
	if (node >= NODES_MAX || next_number[node]++ != stamp.number)
		out_of_turn++;
	remember(node);
	remember(stamp.number);
	remember(length);
}

static void on_change(cpg_handle_t handle, const struct cpg_name *name,
		      const struct cpg_address *members, size_t count,
		      const struct cpg_address *left, size_t left_count,
		      const struct cpg_address *joined, size_t joined_count)
{
	(void)handle, (void)name, (void)members, (void)left, (void)left_count, (void)joined,
		(void)joined_count;
	if (count >= options.members)
		everybody_here = true;
}

/* Sends one message, as often as it is refused for the moment. */
static bool send_one(unsigned char *message, size_t length, uint64_t number)
{
	struct iovec part = { .iov_base = message, .iov_len = length };
	for (;;) {
		struct stamp stamp = { .number = number, .sent_ns = now_ns() };
		memcpy(message, &stamp, sizeof stamp);
		cs_error_t error = cpg_mcast_joined(cpg, CPG_TYPE_AGREED, &part, 1);
		if (error == CS_OK)
			return true;
		if (error != CS_ERR_TRY_AGAIN) {
			fprintf(stderr, "cpg_load: sending failed with error %d\n", error);
			return false;
		}
		sleep_until(now_ns() + REFUSED_PAUSE_NS);
	}
}

static void *send_all(void *nothing)
{
	unsigned char *message = calloc(1, options.size);
	uint64_t begin = now_ns();
	(void)nothing;
	send_failed = message == NULL;
	while (!send_failed) {
		if (options.paced ? sent >= options.amount
				  : now_ns() - begin >= options.amount * 1000000000ull)
			break;
		if (options.paced)
			sleep_until(begin + sent * PACE_NS);
		send_failed = !send_one(message, options.size, sent);
		sent += !send_failed;
	}
	if (!send_failed)
		send_failed = !send_one(message, sizeof(struct stamp), FAREWELL);
	free(message);
	return NULL;
}

static bool join(void)
{
	cpg_callbacks_t callbacks = { .cpg_deliver_fn = on_message, .cpg_confchg_fn = on_change };
	cs_error_t error = cpg_initialize(&cpg, &callbacks);
	if (error != CS_OK) {
		fprintf(stderr, "cpg_load: corosync does not answer: error %d\n", error);
		return false;
	}
	while ((error = cpg_join(cpg, &group)) == CS_ERR_TRY_AGAIN)
		sleep_until(now_ns() + JOIN_PAUSE_NS);
	if (error != CS_OK)
		fprintf(stderr, "cpg_load: cannot join: error %d\n", error);
	return error == CS_OK;
}

/* Receives until all senders have said farewell. */
static bool receive_all(void)
{
	int descriptor;
	bool begun = false;
	pthread_t sender;
	if (cpg_fd_get(cpg, &descriptor) != CS_OK)
		return false;
	while (farewells < options.senders) {
		struct pollfd ready = { .fd = descriptor, .events = POLLIN };
		if (poll(&ready, 1, 100) > 0) {
			cs_error_t error = cpg_dispatch(cpg, CS_DISPATCH_ALL);
			if (error != CS_OK && error != CS_ERR_TRY_AGAIN) {
				fprintf(stderr, "cpg_load: receiving failed with error %d\n", error);
				return false;
			}
		}
		if (everybody_here && options.sends && !begun) {
			if (pthread_create(&sender, NULL, send_all, NULL) != 0)
				return false;
			begun = true;
		}
	}
	if (begun)
		pthread_join(sender, NULL);
	return !send_failed;
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return (a > b) - (a < b);
}

/* Microseconds that so many in a hundred do not exceed. */
static double percentile_us(size_t count, size_t percent)
{
	size_t at = (count * percent + 99) / 100;
	return (double)latencies[at > 0 ? at - 1 : 0] / 1e3;
}

static void report(void)
{
	double seconds = (double)(last_ns - first_ns) / 1e9;
	size_t timed = delivered < latencies_room ? delivered : latencies_room;
	printf("{\"sent\": %llu, \"delivered\": %llu, \"per_second\": %.1f, ",
	       (unsigned long long)sent, (unsigned long long)delivered,
	       seconds > 0 ? (double)delivered / seconds : 0);
	printf("\"order_hash\": \"%016llx\"", (unsigned long long)order);
	if (timed > 0) {
		qsort(latencies, timed, sizeof *latencies, compare);
		printf(", \"p50_us\": %.1f, \"p99_us\": %.1f", percentile_us(timed, 50),
		       percentile_us(timed, 99));
	}
	printf("}\n");
}

static bool parse(int count, char **words)
{
	if (count != 8 || strlen(words[1]) >= sizeof group.value)
		return false;
	strcpy(group.value, words[1]);
	group.length = strlen(words[1]);
	options.members = strtoul(words[2], NULL, 10);
	options.senders = strtoul(words[3], NULL, 10);
	options.size = strtoul(words[4], NULL, 10);
	options.paced = strcmp(words[5], "pace") == 0;
	options.amount = strtoull(words[6], NULL, 10);
	options.sends = strcmp(words[7], "yes") == 0;
	if (options.members == 0 || options.senders == 0 || options.amount == 0)
		return false;
	if (options.paced) {
		latencies_room = options.amount * options.senders;
		latencies = calloc(latencies_room, sizeof *latencies);
		if (latencies == NULL)
			return false;
	}
	return options.size >= sizeof(struct stamp);
}

int main(int count, char **words)
{
	if (!parse(count, words)) {
		fprintf(stderr, "usage: cpg_load GROUP MEMBERS SENDERS SIZE flood SECONDS yes|no\n"
				"       cpg_load GROUP MEMBERS SENDERS SIZE pace COUNT yes|no\n"
				"SIZE is at least 16.\n");
		return 2;
	}
	if (!join() || !receive_all())
		return 1;
	if (out_of_turn > 0) {
		fprintf(stderr, "cpg_load: %llu messages came out of their sender's order\n",
			(unsigned long long)out_of_turn);
		return 1;
	}
	report();
	cpg_finalize(cpg);
	return 0;
}
