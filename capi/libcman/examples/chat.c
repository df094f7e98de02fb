/*
 * Talks over a port: each line of the standard input goes to all nodes on
 * which this program runs, and each line of theirs is printed. All print all
 * lines in the same order.
 *
 *   cc chat.c -lcman -o chat
 */
#include <errno.h>
#include <libcman.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Ports are given out by agreement; this one is free. */
#define PORT 200

static void heard(cman_handle_t handle, void *privdata, char *buf, int len, uint8_t port,
                  int nodeid)
{
    cman_node_t node;

    (void)privdata;
    (void)port;
    /* A node is found by its number if its name is empty. */
    memset(&node, 0, sizeof(node));
    if (cman_get_node(handle, nodeid, &node) != 0)
        snprintf(node.cn_name, sizeof(node.cn_name), "node %d", nodeid);
    printf("%s: %.*s\n", node.cn_name, len, buf);
    fflush(stdout);
}

/* Sends what was typed, line by line. Returns 0 when that is over. */
static int say(cman_handle_t handle)
{
    static char text[1492];
    static size_t used;
    char *end;
    ssize_t got = read(STDIN_FILENO, text + used, sizeof(text) - used);

    if (got < 0)
        return errno == EINTR;
    used += (size_t)got;
    while ((end = memchr(text, '\n', used)) || used == sizeof(text) || (got == 0 && used > 0)) {
        size_t len = end ? (size_t)(end - text) : used;
        size_t taken = end ? len + 1 : len;

        if (cman_send_data(handle, text, (int)len, 0, PORT, CMAN_NODEID_ALL) < 0) {
            perror("cman_send_data");
            return 0;
        }
        used -= taken;
        memmove(text, text + taken, used);
    }
    return got > 0;
}

int main(void)
{
    cman_handle_t handle = cman_init(NULL);
    struct pollfd waits[2];
    int over = 0;

    if (!handle) {
        perror("cman_init");
        return 1;
    }
    if (cman_start_recv_data(handle, heard, PORT) != 0) {
        perror("cman_start_recv_data");
        return 1;
    }
    waits[0].fd = cman_get_fd(handle);
    waits[0].events = POLLIN;
    waits[1].fd = STDIN_FILENO;
    waits[1].events = POLLIN;
    for (;;) {
        /* When nothing more is typed, what is on its way has half a second. */
        int ready = poll(waits, over ? 1 : 2, over ? 500 : -1);

        if (ready < 0 && errno != EINTR) {
            perror("poll");
            return 1;
        }
        if (ready == 0)
            break;
        if (ready > 0 && waits[0].revents) {
            if (cman_dispatch(handle, CMAN_DISPATCH_ALL) < 0) {
                perror("the cluster is gone");
                return 1;
            }
        }
        if (ready > 0 && !over && waits[1].revents)
            over = !say(handle);
    }
    cman_finish(handle);
    return 0;
}
