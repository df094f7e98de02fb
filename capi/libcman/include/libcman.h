/*
 * libcman - membership, quorum, messages and administration of a cluster
 *
 * Programs for the library of this name of the years 2006 to 2009 compile
 * with this header, and those that were compiled then run with this library.
 * libcman(3) is the manual; what follows is the short of it.
 *
 * Functions that return int return -1 and set errno when they fail:
 *
 *   EINVAL     an argument makes no sense, or the handle is none, or is of
 *              the wrong kind
 *   EPERM      the call needs a handle of cman_admin_init()
 *   EHOSTDOWN  the daemon is gone; so is the handle, but for cman_finish()
 *   ENOENT     queries: this node is not a member of the cluster yet
 *
 * Others are named with the function.
 */
#ifndef LIBCMAN_H
#define LIBCMAN_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The generation of the interface: that of libcman.so.3. */
#define LIBCMAN_VERSION 3

/* ---- Lengths, without the end of a text ---- */

#define CMAN_MAX_ADDR_LEN              28 /* bytes of an address */
#define CMAN_MAX_NODENAME_LEN         255
#define MAX_CLUSTER_NAME_LEN           16
#define CMAN_MAX_FENCE_AGENT_NAME_LEN 255 /* here with its end */

/* ---- Numbers that stand for nodes ---- */

#define CMAN_NODEID_US     0 /* this node */
#define CMAN_NODEID_ALL    0 /* all nodes, for cman_send_data() */
#define CMAN_NODEID_QDISK -1 /* the quorum device, for cman_get_node() */

/* ---- Handles ---- */

/* A connection to the daemon. Not an address: it can only be passed on. */
typedef void *cman_handle_t;

/*
 * Connects. privdata comes back in every callback. NULL when that fails:
 * ENOENT or ECONNREFUSED when no daemon runs, EACCES, or what the system
 * says. The environment variable CMAN_RUN_DIR names another directory with
 * sockets than /run/cman.
 */
cman_handle_t cman_init(void *privdata);

/* The same for calls that change the cluster. Is told nothing, and has no port. */
cman_handle_t cman_admin_init(void *privdata);

/* Ends a handle, with all that hangs on it. May be called in a callback. */
int cman_finish(cman_handle_t handle);

int cman_setprivdata(cman_handle_t handle, void *privdata);
int cman_getprivdata(cman_handle_t handle, void **privdata);

/* ---- Events ---- */

/* What happened, and what arg says of it. */
typedef enum {
    CMAN_REASON_PORTCLOSED = 0,    /* node arg let go of our port */
    CMAN_REASON_STATECHANGE = 1,   /* members or votes; arg: are we quorate */
    CMAN_REASON_PORTOPENED = 2,    /* node arg has bound our port */
    CMAN_REASON_TRY_SHUTDOWN = 3,  /* may we leave? arg: CMAN_SHUTDOWN_... */
    CMAN_REASON_CONFIG_UPDATE = 4  /* version arg of the configuration */
} cman_call_reason_t;

typedef void (*cman_callback_t)(cman_handle_t handle, void *privdata,
                                int reason, int arg);

/* One list of node ids each: who is there, who is gone, who is new. */
typedef void (*cman_confchgcallback_t)(cman_handle_t handle, void *privdata,
                                       unsigned int *member_list,
                                       int member_list_entries,
                                       unsigned int *left_list,
                                       int left_list_entries,
                                       unsigned int *joined_list,
                                       int joined_list_entries);

/* A message to our port. port is that of the sender, nodeid its node. */
typedef void (*cman_datacallback_t)(cman_handle_t handle, void *privdata,
                                    char *buf, int len, uint8_t port,
                                    int nodeid);

int cman_start_notification(cman_handle_t handle, cman_callback_t callback);
int cman_stop_notification(cman_handle_t handle);

/* Each change of the members by itself, with those who came and went. */
int cman_start_confchg(cman_handle_t handle, cman_confchgcallback_t callback);
int cman_stop_confchg(cman_handle_t handle);

/* The answer to CMAN_REASON_TRY_SHUTDOWN: 1 for yes, 0 for no. */
int cman_replyto_shutdown(cman_handle_t handle, int yesno);

/*
 * A descriptor to wait with, for reading, in poll(2) and the like: ready
 * when cman_dispatch() has something to do. The same for the life of the
 * handle. Neither to be read nor to be closed.
 */
int cman_get_fd(cman_handle_t handle);

#define CMAN_DISPATCH_ONE           0 /* one message, if there is one */
#define CMAN_DISPATCH_ALL           1 /* all that are there */
#define CMAN_DISPATCH_BLOCKING      2 /* wait for one; with ALL, for ever */
#define CMAN_DISPATCH_IGNORE_REPLY  4 /* means nothing any more */
#define CMAN_DISPATCH_IGNORE_DATA   8 /* messages to our port stay for later */
#define CMAN_DISPATCH_IGNORE_EVENT 16 /* all others stay for later */
#define CMAN_DISPATCH_TYPE_MASK     3
#define CMAN_DISPATCH_IGNORE_MASK  46

/*
 * Calls the callbacks. With ONE more than 0 when there was a message, 0 when
 * there was none; with ALL 0. A signal ends waiting with 0. EHOSTDOWN when
 * the daemon is gone and nothing is left.
 */
int cman_dispatch(cman_handle_t handle, int flags);

/* ---- Nodes ---- */

/* What stands in cna_address is a struct sockaddr_in or sockaddr_in6, of which
   only the family and the address count; cna_addrlen is its length. */
typedef struct cman_node_address {
    int  cna_addrlen;
    char cna_address[CMAN_MAX_ADDR_LEN];
} cman_node_address_t;

typedef struct cman_node {
    int                 cn_nodeid;
    cman_node_address_t cn_address;     /* the first of its addresses */
    char                cn_name[CMAN_MAX_NODENAME_LEN + 1];
    int                 cn_member;      /* 1 for a member of the cluster */
    int                 cn_incarnation; /* since which change of members */
    struct timeval      cn_jointime;    /* when that was */
} cman_node_t;

/* All nodes that are configured, and one for the quorum device if there is one. */
int cman_get_node_count(cman_handle_t handle);

/* These nodes, ascending, members or not; at most maxnodes. The quorum device
   comes last, with cn_nodeid 0. */
int cman_get_nodes(cman_handle_t handle, int maxnodes, int *retnodes,
                   cman_node_t *nodes);

/* Nodes that carry state of another time and are kept apart for that. */
int cman_get_disallowed_nodes(cman_handle_t handle, int maxnodes,
                              int *retnodes, cman_node_t *nodes);

/* One node: by node->cn_name unless that is empty, else by nodeid. The
   structure must be filled with zeros to find one by nodeid. ENOENT. */
int cman_get_node(cman_handle_t handle, int nodeid, cman_node_t *node);

/* All addresses of a member. *num_addrs may be more than max_addrs. */
int cman_get_node_addrs(cman_handle_t handle, int nodeid, int max_addrs,
                        int *num_addrs, struct cman_node_address *addrs);

/* Whether a node has bound a port: 1 or 0. EBUSY: not known yet, ask again;
   ENOTCONN: not a member; ENOENT: no such node. */
int cman_is_listening(cman_handle_t handle, int nodeid, uint8_t port);

/* When a node was fenced last, whether since it went down, and by which agent:
   NULL, or room for CMAN_MAX_FENCE_AGENT_NAME_LEN bytes. EINVAL: no such node. */
int cman_get_fenceinfo(cman_handle_t handle, int nodeid, uint64_t *fence_time,
                       int *fenced, char *agent);

/* ---- The cluster, and the daemon ---- */

typedef struct cman_cluster {
    char     ci_name[MAX_CLUSTER_NAME_LEN + 1];
    uint16_t ci_number;
    uint32_t ci_generation; /* changes with the members */
} cman_cluster_t;

typedef struct cman_version {
    unsigned int cv_major;
    unsigned int cv_minor;
    unsigned int cv_patch;
    unsigned int cv_config; /* of the configuration */
} cman_version_t;

/* In ei_flags */
#define CMAN_EXTRA_FLAG_2NODE      1
#define CMAN_EXTRA_FLAG_ERROR      2
#define CMAN_EXTRA_FLAG_SHUTDOWN   4
#define CMAN_EXTRA_FLAG_DISALLOWED 8
#define CMAN_EXTRA_FLAG_DIRTY     16

/* ei_node_state: joining 1, member 2, dead 3, leaving 4, disallowed 5.
   ei_ports: one bit for each port that is bound here, port 0 in the lowest bit
   of the first byte. ei_addresses: ei_num_addresses multicast addresses, then
   as many of this node, each a struct sockaddr_storage. */
typedef struct cman_extra_info {
    int  ei_node_state;
    int  ei_flags;
    int  ei_node_votes;
    int  ei_total_votes;
    int  ei_expected_votes;
    int  ei_quorum;
    int  ei_members;
    char ei_ports[32];
    int  ei_num_addresses;
    char ei_addresses[1];
} cman_extra_info_t;

/* May this node act? 1 or 0. */
int cman_is_quorate(cman_handle_t handle);

/* 1 when the daemon serves. */
int cman_is_active(cman_handle_t handle);

/* Programs that have a handle on this node, this one included. */
int cman_get_subsys_count(cman_handle_t handle);

int cman_get_cluster(cman_handle_t handle, cman_cluster_t *clinfo);
int cman_get_version(cman_handle_t handle, cman_version_t *version);

/* maxlen is the room at info. Where the addresses do not fit, ei_num_addresses
   is 0. */
int cman_get_extra_info(cman_handle_t handle, cman_extra_info_t *info,
                        int maxlen);

/* ---- Messages ---- */

/*
 * Sends up to 1492 bytes to a port: 1 to 255, or 0 for the number that this
 * handle has bound. To one node, or to all, this one included. Returns more
 * than len; waits while there is no room. May be called while other threads
 * use the handle. Flags are of another time.
 */
int cman_send_data(cman_handle_t handle, const void *buf, int len, int flags,
                   uint8_t port, int nodeid);

/* Binds a port of this node, 1 to 255, one for each handle. EADDRINUSE. */
int cman_start_recv_data(cman_handle_t handle, cman_datacallback_t callback,
                         uint8_t port);

/* No more callbacks. The port stays bound until cman_finish(). */
int cman_end_recv_data(cman_handle_t handle);

/* ---- Barriers: nodes wait for each other. Names of up to 32 bytes. ---- */

/* Flags of cman_barrier_register() */
#define CMAN_BARRIER_AUTODELETE 1 /* forget it when all have come */
#define CMAN_BARRIER_MULTISTEP  2 /* not possible */
#define CMAN_BARRIER_MANUAL     4
#define CMAN_BARRIER_ENABLED    8 /* this node has come */
#define CMAN_BARRIER_CALLBACK  16

/* What cman_barrier_change() changes */
#define CMAN_BARRIER_SET_AUTODELETE 1
#define CMAN_BARRIER_SET_MULTISTEP  2
#define CMAN_BARRIER_SET_ENABLED    3 /* this node has come: arg 1 */
#define CMAN_BARRIER_SET_NODES      4
#define CMAN_BARRIER_SET_CALLBACK   5
#define CMAN_BARRIER_SET_TIMEOUT    6 /* seconds */

/* For so many nodes; 0: as many as are members. */
int cman_barrier_register(cman_handle_t handle, const char *name, int flags,
                          int nodes);

/* ENOENT: no such barrier. */
int cman_barrier_change(cman_handle_t handle, const char *name, int flags,
                        int arg);

/* Waits until all have come. ENOENT, ETIMEDOUT. Returns ESRCH, which is
   positive, when a node was lost that had to come. */
int cman_barrier_wait(cman_handle_t handle, const char *name);
int cman_barrier_delete(cman_handle_t handle, const char *name);

/* ---- The quorum device: votes of something that is no node ---- */

typedef struct cman_qdev_info {
    char qi_name[CMAN_MAX_NODENAME_LEN + 1];
    int  qi_state; /* alive 2, dead 3 */
    int  qi_votes;
} cman_qdev_info_t;

/* ENOENT: there is none. */
int cman_get_quorum_device(cman_handle_t handle, struct cman_qdev_info *info);

/* EBUSY: there is one; EALREADY: a node has that name. It is dead until it is
   polled. Admin. */
int cman_register_quorum_device(cman_handle_t handle, char *name, int votes);

/* Alive, or dead from now on. To be called more often than every ten seconds.
   EINVAL: there is none. Admin. */
int cman_poll_quorum_device(cman_handle_t handle, int isavailable);

/* EBUSY: it is alive. Admin. */
int cman_unregister_quorum_device(cman_handle_t handle);

/* ---- Administration: needs a handle of cman_admin_init() ---- */

/* Only cv_config can be another than cman_get_version() tells: all nodes then
   read their configuration again. */
int cman_set_version(cman_handle_t handle, const cman_version_t *version);

/* Votes of a node while the daemons run. ENOENT, ENOTCONN: not a member. */
int cman_set_votes(cman_handle_t handle, int votes, int nodeid);

/* Votes that all nodes together have. EINVAL if too many or too few. */
int cman_set_expected_votes(cman_handle_t handle, int expected_votes);

/* The daemon of a node ends at once. */
int cman_kill_node(cman_handle_t handle, int nodeid);

/* A node was fenced: seconds since 1970, and by which agent. */
int cman_node_fenced(cman_handle_t handle, int nodeid, uint64_t fence_time,
                     char *agent);

#define CMAN_SHUTDOWN_ANYWAY  1 /* whatever programs answer */
#define CMAN_SHUTDOWN_REMOVED 2 /* the others need fewer votes without us */

/* Asks the programs of this node, and leaves if none objects. EBUSY: one does,
   or has not answered in time; EALREADY: this is being asked. */
int cman_shutdown(cman_handle_t handle, int flags);

#define CMAN_LEAVEFLAG_DOWN       0
#define CMAN_LEAVEFLAG_REMOVED    3
#define CMAN_LEAVEFLAG_FORCE   0x10

/* Leaves without asking. cman_shutdown() is better. */
int cman_leave_cluster(cman_handle_t handle, int reason);

/* This node carries state that must not be merged with that of others, until
   its daemon ends. */
int cman_set_dirty(cman_handle_t handle);

#define CMAN_DEBUGLOG_NONE       0
#define CMAN_DEBUGLOG_BARRIER    2
#define CMAN_DEBUGLOG_MEMBERSHIP 4
#define CMAN_DEBUGLOG_DAEMON     8
#define CMAN_DEBUGLOG_AIS       16

/* Which parts of the daemon say more in its log. */
int cman_set_debuglog(cman_handle_t handle, int subsystems);

#ifdef __cplusplus
}
#endif

#endif
