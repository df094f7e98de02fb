/* Sends much to a port of somebody else, in messages as long as there may be: `flood PORT COUNT`. */
#include "check.h"

int main(int argc, char **argv)
{
    cman_handle_t handle = opened(NULL);
    char message[1492];
    long i, count = argc > 2 ? atol(argv[2]) : 1000;

    memset(message, 'x', sizeof(message));
    for (i = 0; i < count; i++)
        CHECK(cman_send_data(handle, message, sizeof(message), 0, (uint8_t)atoi(argv[1]), 0) > 0);
    RETURNS(1, cman_is_active(handle));
    SUCCEEDS(cman_finish(handle));
    return 0;
}
