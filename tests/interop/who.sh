# A service that tells whom it serves, and as whom.
echo "$REMOTE_ADDR:$REMOTE_PORT $TCPREMOTEIP:$TCPREMOTEPORT"
echo "$SERVER_PORT $TCPLOCALIP:$TCPLOCALPORT $PROTO"
