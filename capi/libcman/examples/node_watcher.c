/*
 * Prints who is in the cluster, and each change: who came, who went, whether
 * this node may act. Agrees to a shutdown of the node.
 *
 *   cc node_watcher.c -lcman -o node_watcher
 */
#include <errno.h>
#include <libcman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_nodes(cman_handle_t handle)
{
    cman_node_t *nodes;
    int room = cman_get_node_count(handle);
    int count, i;

    if (room < 1 || !(nodes = calloc((size_t)room, sizeof(*nodes))))
        return;
    if (cman_get_nodes(handle, room, &count, nodes) == 0) {
        printf("nodes:");
        for (i = 0; i < count; i++)
            printf(" %s %s", nodes[i].cn_name, nodes[i].cn_member ? "in" : "out");
        printf("\n");
    }
    free(nodes);
}

static void happened(cman_handle_t handle, void *privdata, int reason, int arg)
{
    (void)privdata;
    switch (reason) {
    case CMAN_REASON_STATECHANGE:
        printf("quorate: %s\n", arg ? "yes" : "no");
        print_nodes(handle);
        break;
    case CMAN_REASON_CONFIG_UPDATE:
        printf("configuration: version %d\n", arg);
        break;
    case CMAN_REASON_TRY_SHUTDOWN:
        printf("shutdown: agreed\n");
        cman_replyto_shutdown(handle, 1);
        break;
    }
    fflush(stdout);
}

static void print_ids(const char *what, const unsigned int *ids, int count)
{
    int i;

    printf(" %s:", what);
    for (i = 0; i < count; i++)
        printf(" %u", ids[i]);
}

static void changed(cman_handle_t handle, void *privdata, unsigned int *members, int member_count,
                    unsigned int *left, int left_count, unsigned int *joined, int joined_count)
{
    (void)handle;
    (void)privdata;
    printf("members:");
    print_ids("all", members, member_count);
    print_ids("left", left, left_count);
    print_ids("joined", joined, joined_count);
    printf("\n");
    fflush(stdout);
}

int main(void)
{
    cman_handle_t handle = cman_init(NULL);

    if (!handle) {
        perror("cman_init");
        return 1;
    }
    if (cman_start_notification(handle, happened) != 0 ||
        cman_start_confchg(handle, changed) != 0) {
        perror("cannot be told what happens");
        return 1;
    }
    printf("quorate: %s\n", cman_is_quorate(handle) == 1 ? "yes" : "no");
    print_nodes(handle);
    fflush(stdout);
    /* Returns when the daemon is gone, and with 0 when a signal came. */
    while (cman_dispatch(handle, CMAN_DISPATCH_ALL | CMAN_DISPATCH_BLOCKING) >= 0)
        ;
    if (errno == EHOSTDOWN)
        printf("the daemon is gone\n");
    cman_finish(handle);
    return 0;
}
