/*
 * What the network of the lab can do by itself, without any protocol: plain UDP multicast, and the
 * round trip of one datagram. Built and run by `cargo xtask bench peer`.
 *
 *   wire send OWN SIZE SECONDS       multicast datagrams of SIZE bytes as fast as they are taken
 *   wire receive OWN SIZE            count them until none comes for a while
 *   wire echo OWN                    return each datagram to its sender, for ever
 *   wire ping OWN PEER SIZE COUNT    send a datagram to an echo and wait for it, COUNT times
 *
 * OWN and PEER are IPv4 addresses.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH 64
#define DATAGRAM_MAX 2048
#define BUFFER_BYTES (8 << 20)
#define GROUP "239.192.7.7"
#define GROUP_PORT 7001
#define ECHO_PORT 7002
#define WARM_UP 100

static unsigned char data[BATCH][DATAGRAM_MAX];
static struct iovec parts[BATCH];
static struct mmsghdr batch[BATCH];

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct sockaddr_in address(const char *text, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
		fprintf(stderr, "wire: %s is no IPv4 address\n", text);
		exit(2);
	}
	return address;
}

static int open_socket(const struct sockaddr_in *bound, long timeout_ms)
{
	int size = BUFFER_BYTES;
	struct timeval timeout = { .tv_sec = timeout_ms / 1000,
				   .tv_usec = timeout_ms % 1000 * 1000 };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	if (sock < 0 || bind(sock, (const struct sockaddr *)bound, sizeof *bound) < 0)
		fail("wire: cannot open a socket");
	if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0)
		fail("wire: cannot prepare a socket");
	return sock;
}

static void prepare_batch(size_t size)
{
	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ .iov_base = data[i], .iov_len = size };
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = &parts[i], .msg_iovlen = 1 };
	}
}

static void print_rate(const char *what, uint64_t count, size_t size, uint64_t ns)
{
	double seconds = (double)ns / 1e9;
	double rate = seconds > 0 ? (double)count / seconds : 0;
	printf("{\"%s\": %llu, \"per_second\": %.1f, \"megabytes_per_second\": %.2f}\n", what,
	       (unsigned long long)count, rate, rate * (double)size / 1e6);
}

static int send_group(const char *own, size_t size, double seconds)
{
	struct sockaddr_in self = address(own, 0), group = address(GROUP, GROUP_PORT);
	int sock = open_socket(&self, 1000);
	uint64_t count = 0, begin, end;
	if (setsockopt(sock, IPPROTO_IP, IP_MULTICAST_IF, &self.sin_addr, sizeof self.sin_addr) < 0 ||
	    connect(sock, (struct sockaddr *)&group, sizeof group) < 0)
		fail("wire: cannot send to the group");
	prepare_batch(size);
	begin = now_ns();
	end = begin + (uint64_t)(seconds * 1e9);
	while (now_ns() < end) {
		int taken = sendmmsg(sock, batch, BATCH, 0);
		if (taken > 0)
			count += (uint64_t)taken;
	}
	print_rate("sent", count, size, now_ns() - begin);
	return 0;
}

static int receive_group(const char *own, size_t size)
{
	struct sockaddr_in group = address(GROUP, GROUP_PORT);
	struct ip_mreqn membership = { .imr_multiaddr = group.sin_addr,
				       .imr_address = address(own, 0).sin_addr };
	/* Long enough for the sender to start, and the end when it has ended. */
	int sock = open_socket(&group, 1000);
	uint64_t count = 0, first = 0, last = 0;
	if (setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, &membership, sizeof membership) < 0)
		fail("wire: cannot join the group");
	prepare_batch(DATAGRAM_MAX);
	for (;;) {
		int came = recvmmsg(sock, batch, BATCH, MSG_WAITFORONE, NULL);
		if (came <= 0)
			break;
		last = now_ns();
		if (count == 0)
			first = last;
		count += (uint64_t)came;
	}
	print_rate("received", count, size, last - first);
	return count > 0 ? 0 : 1;
}

static _Noreturn void echo(const char *own)
{
	struct sockaddr_in self = address(own, ECHO_PORT);
	int sock = open_socket(&self, 0);
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof from;
		ssize_t came = recvfrom(sock, data[0], DATAGRAM_MAX, 0, (struct sockaddr *)&from,
					&length);
		if (came >= 0)
			sendto(sock, data[0], (size_t)came, 0, (struct sockaddr *)&from, length);
	}
}

static int compare(const void *one, const void *other)
{
	uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
	return (a > b) - (a < b);
}

static int ping(const char *own, const char *peer, size_t size, size_t count)
{
	struct sockaddr_in self = address(own, 0), other = address(peer, ECHO_PORT);
	int sock = open_socket(&self, 1000);
	uint64_t *trips = calloc(count + WARM_UP, sizeof *trips);
	if (trips == NULL || connect(sock, (struct sockaddr *)&other, sizeof other) < 0)
		fail("wire: cannot ping");
	for (size_t i = 0; i < count + WARM_UP; i++) {
		uint64_t begin = now_ns();
		if (send(sock, data[0], size, 0) < 0 || recv(sock, data[0], DATAGRAM_MAX, 0) < 0)
			fail("wire: no echo");
		trips[i] = now_ns() - begin;
	}
	trips += WARM_UP;
	qsort(trips, count, sizeof *trips, compare);
	printf("{\"p50_us\": %.1f, \"p99_us\": %.1f}\n", (double)trips[count / 2] / 1e3,
	       (double)trips[count * 99 / 100] / 1e3);
	return 0;
}

int main(int count, char **words)
{
	const char *verb = count > 2 ? words[1] : "";
	size_t size = count > 3 ? strtoul(words[count > 5 ? 4 : 3], NULL, 10) : 0;
	bool fits = size > 0 && size <= DATAGRAM_MAX;
	if (count == 5 && fits && strcmp(verb, "send") == 0)
		return send_group(words[2], size, atof(words[4]));
	if (count == 4 && fits && strcmp(verb, "receive") == 0)
		return receive_group(words[2], size);
	if (count == 3 && strcmp(verb, "echo") == 0)
		echo(words[2]);
	if (count == 6 && fits && atoi(words[5]) > 0 && strcmp(verb, "ping") == 0)
		return ping(words[2], words[3], size, (size_t)atoi(words[5]));
	fprintf(stderr, "usage: wire send OWN SIZE SECONDS | receive OWN SIZE | echo OWN |\n"
			"       ping OWN PEER SIZE COUNT; SIZE is at most %d\n", DATAGRAM_MAX);
	return 2;
}
