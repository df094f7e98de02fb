/*
 * A quorum device: a file. While it can be read, this node has more votes.
 *
 *   cc quorum_device.c -lcman -o quorum_device
 *   quorum_device /mnt/shared/alive 1
 *
 * Ends when the file is gone, and takes the votes with it.
 */
#include <errno.h>
#include <fcntl.h>
#include <libcman.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Far more often than the daemon wants it. */
#define SECONDS 1

static int is_there(const char *path)
{
    char byte;
    int file = open(path, O_RDONLY);
    int good = file >= 0 && read(file, &byte, 1) >= 0;

    if (file >= 0)
        close(file);
    return good;
}

int main(int argc, char **argv)
{
    cman_handle_t handle;
    char *path;

    if (argc != 3) {
        fprintf(stderr, "usage: %s FILE VOTES\n", argv[0]);
        return 2;
    }
    path = argv[1];
    handle = cman_admin_init(NULL);
    if (!handle) {
        perror("cman_admin_init");
        return 1;
    }
    /* Of an earlier run that was killed it may be there still. */
    if (cman_register_quorum_device(handle, path, atoi(argv[2])) != 0 && errno != EBUSY) {
        perror("cman_register_quorum_device");
        return 1;
    }
    while (is_there(path)) {
        if (cman_poll_quorum_device(handle, 1) != 0) {
            perror("cman_poll_quorum_device");
            return 1;
        }
        sleep(SECONDS);
    }
    /* Dead first: nobody is to lose votes by surprise. */
    if (cman_poll_quorum_device(handle, 0) != 0 || cman_unregister_quorum_device(handle) != 0) {
        perror("cannot take the device away");
        return 1;
    }
    cman_finish(handle);
    return 0;
}
