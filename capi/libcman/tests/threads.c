/* Threads send while another waits in a call, and while another dispatches. */
#include "check.h"

#include <pthread.h>

#define SENDERS 4
#define EACH 500

static cman_handle_t handle;
static int messages;

static void data(cman_handle_t h, void *privdata, char *buf, int len, uint8_t port, int node)
{
    (void)h, (void)privdata, (void)port, (void)node;
    CHECK(len == 100 && buf[0] == buf[99]);
    messages++;
}

static void *sends(void *argument)
{
    char message[100];
    int i;

    memset(message, 'a' + (int)(intptr_t)argument, sizeof(message));
    for (i = 0; i < EACH; i++) {
        /* A little slower than it is read. */
        if (i % 20 == 0)
            poll(NULL, 0, 5);
        CHECK(cman_send_data(handle, message, sizeof(message), 0, 0, 0) > 0);
    }
    return NULL;
}

static void *waits(void *argument)
{
    (void)argument;
    /* Nobody else comes. */
    FAILS(ETIMEDOUT, cman_barrier_wait(handle, "threads"));
    return NULL;
}

int main(void)
{
    pthread_t senders[SENDERS], waiter;
    int i;

    handle = opened(NULL);
    SUCCEEDS(cman_start_recv_data(handle, data, 19));
    SUCCEEDS(cman_barrier_register(handle, "threads", 0, 2));
    SUCCEEDS(cman_barrier_change(handle, "threads", CMAN_BARRIER_SET_TIMEOUT, 2));
    CHECK(pthread_create(&waiter, NULL, waits, NULL) == 0);
    for (i = 0; i < SENDERS; i++)
        CHECK(pthread_create(&senders[i], NULL, sends, (void *)(intptr_t)i) == 0);
    while (messages < SENDERS * EACH)
        handle_one(handle);
    for (i = 0; i < SENDERS; i++)
        CHECK(pthread_join(senders[i], NULL) == 0);
    CHECK(pthread_join(waiter, NULL) == 0);
    SUCCEEDS(cman_barrier_delete(handle, "threads"));
    SUCCEEDS(cman_finish(handle));
    return 0;
}
