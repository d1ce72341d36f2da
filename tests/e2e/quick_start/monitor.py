# Alert on long-running shells
import requests
import time

def check_long_running_sessions():
    """Alert on shells running > 1 hour."""
    response = requests.get("http://localhost:8678/api/sessions")
    sessions = response.json()

    for session in sessions:
        if session.get("duration_seconds", 0) > 3600:
            # Send alert
            send_alert(
                f"Long-running shell detected: {session['session_id']}\n"
                f"Component: {session['component_name']}\n"
                f"Duration: {session['duration_seconds']}s\n"
                f"User: {session['username']}"
            )

if __name__ == "__main__":
    check_long_running_sessions()
